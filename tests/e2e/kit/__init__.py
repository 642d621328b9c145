"""What the end-to-end tests stand on: real processes, a watched upstream, plain DNS clients."""
