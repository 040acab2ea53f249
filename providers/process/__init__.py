"""This process among others: how its threads wait, what of this site's own is away, whether it is being stopped."""
