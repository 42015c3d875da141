"""The build graph for people and programs: a text tree, Graphviz, Mermaid, JSON."""
