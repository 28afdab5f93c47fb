"""What the tasks of the claims jobs do; scripts and notebooks call the same functions."""
