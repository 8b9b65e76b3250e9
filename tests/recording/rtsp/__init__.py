"""Tests of the RTSP reader."""
