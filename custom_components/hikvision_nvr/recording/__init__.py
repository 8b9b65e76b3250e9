"""Recording: what comes from the cameras by RTSP."""
