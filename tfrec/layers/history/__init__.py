"""How the items of a history become one vector."""
