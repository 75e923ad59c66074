"""What Evenhand remembers: Redis, its keys, and the scripts that change them."""
