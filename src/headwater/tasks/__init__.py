"""What tasks of jobs share: parameters, counts as their output, files in volumes."""
