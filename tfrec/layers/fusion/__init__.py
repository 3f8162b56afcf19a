"""How the parts of a candidate become one vector."""
