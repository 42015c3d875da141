"""Understanding: Dockerfiles, images and traced runs. Nothing here writes a user's file."""
