"""The tasks of the IoT jobs, as notebooks call them."""
