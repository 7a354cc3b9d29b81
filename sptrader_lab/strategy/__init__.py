"""Strategy: from a YAML file to a frozen `Strategy`, and from that to a plan of columns and decisions."""
