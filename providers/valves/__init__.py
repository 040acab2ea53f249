"""The settings of pipelines (their valves), which their servers keep and describe."""
