"""Gold: the member's month, and the dimensions."""
