"""The claims (claims.yaml), how they are judged, and published scores to compare with (published.yaml)."""
