"""This process among others: how its threads wait, what is away, who has left, whether it is being stopped."""
