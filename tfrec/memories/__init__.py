"""Which rows of the past are kept, and which of these are drawn."""
