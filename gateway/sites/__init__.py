"""What the gateway knows of one practice: directory, relocation, engine version."""
