"""Claims from Synthea's files: bronze, four facts in silver, the member's month in gold."""
