"""Tests of the offsite room against real S3 servers on the loopback."""
