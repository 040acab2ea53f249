"""How much the site costs on top of a bare pass-through: `python -m benchmarks` (or `make bench`) prints the table.

One core is the server's, another one is shared by the load (`load.py`) and a fast upstream (`upstream.py`). For each
server (uvicorn, daphne) three targets run side by side: `bare` (the same client and server with no logic of ours),
`lane` (the site as it is) and `view` (the site with GATEWAY_LANE=false, so the same call takes Django's views).
Every round measures the three one after the other, and every figure is the median of the rounds, so that a noisy
machine bends them alike; read the ratios, not the absolute numbers.
"""
