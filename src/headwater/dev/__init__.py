"""Real servers for development and tests, on loopback: a Kafka broker and Blob storage."""
