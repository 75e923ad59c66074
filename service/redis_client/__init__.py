"""Redis servers, connections and commands. Knows nothing of contacts."""
