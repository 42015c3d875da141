"""Every text that scratchify renders, as Jinja2 templates."""
