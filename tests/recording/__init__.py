"""Recording on real streams, real disks and a real catalogue."""
