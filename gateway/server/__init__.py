"""uvicorn: connections, time-outs, ports and signals."""
