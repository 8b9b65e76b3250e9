"""Stand-ins for what surrounds the recorder: cameras, their streams, an S3 service."""
