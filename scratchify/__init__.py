"""The doors: command line, console and bot."""

__version__ = "0.1.0"
