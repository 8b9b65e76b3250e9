"""The device room against simulated devices, over real sockets."""
