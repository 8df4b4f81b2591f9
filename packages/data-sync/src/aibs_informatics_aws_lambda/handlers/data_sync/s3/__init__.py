"""Amazon S3: the client, its requests, listings and ETags."""
