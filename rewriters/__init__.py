"""Changing: plans, renders and verifies the rewritten Dockerfile."""
