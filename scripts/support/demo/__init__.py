"""The demo: a real Home Assistant, two simulated cameras and an S3 service."""
