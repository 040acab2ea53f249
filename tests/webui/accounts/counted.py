"""A password hasher that counts its computations: the time of a sign-in, without a clock."""

from django.contrib.auth.hashers import MD5PasswordHasher


class CountedHasher(MD5PasswordHasher):
    computations = 0

    def encode(self, password: str, salt: str) -> str:
        type(self).computations += 1
        return super().encode(password, salt)
