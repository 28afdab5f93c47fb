"""What the tasks of the patient flow's jobs do; scripts and notebooks call the same functions."""
