"""How one flow reads, writes and reports, and the tables it writes to."""
