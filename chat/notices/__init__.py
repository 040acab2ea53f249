"""Being told when something is ready: the devices as JSON and in the settings, and what a browser installs."""
