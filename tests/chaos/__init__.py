"""Faults at random on a real Home Assistant, and what must hold whatever they were."""
