"""The units of budgets, as counters hold them: tokens, pictures, and billionths of a US dollar, all whole numbers.

Where nobody counted tokens, they are estimated from bytes.
"""

from decimal import ROUND_HALF_UP, Decimal

MONEY, TOKENS, PICTURES = "money", "tokens", "pictures"
BYTES_PER_TOKEN = 4  # of English text and code; of Chinese it is about a token per character, which has three bytes
BILLIONTHS = Decimal(10**9)  # of a dollar: Redis counts whole numbers, and compares those below 2^53 exactly


def smallest(unit: str, amount: Decimal) -> int:
    """An amount in the smallest units that are counted."""
    return int((Decimal(amount) * (BILLIONTHS if unit == MONEY else 1)).to_integral_value(ROUND_HALF_UP))


def amount_of(unit: str, smallest: int) -> Decimal:
    """An amount from the smallest units, as `Budget.amount` has it."""
    return Decimal(smallest) / BILLIONTHS if unit == MONEY else Decimal(smallest)
