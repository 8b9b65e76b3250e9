"""A real Home Assistant, driven from outside: nothing is replaced, nothing is mocked."""
