"""`python -m tests.env_example`: writes the variables of the storage providers into .env.example, from their table."""

from pathlib import Path

from providers.process.storage_providers import LOCAL, PROVIDERS

EXAMPLE = Path(__file__).resolve().parent.parent / ".env.example"
BEGIN = "# Where uploaded and drawn files lie: "


def block() -> str:
    """The lines from the choice of a provider to the last variable."""
    choice = f"{BEGIN}{', '.join(PROVIDERS)}. A store with a library needs the extra of its name."
    lines = [choice, f"# STORAGE_PROVIDER={LOCAL.name}"]
    for row in PROVIDERS.values():
        for variable in row.variables:
            lines += [f"# {variable.help}", f"# {variable.name}={variable.default}"]
    return "\n".join(lines)


def written(text: str) -> str:
    """The text of .env.example with its block as the table has it."""
    before, rest = text.split(BEGIN)
    return f"{before}{block()}\n\n{rest.partition(chr(10) * 2)[2]}"


if __name__ == "__main__":
    EXAMPLE.write_text(written(EXAMPLE.read_text(encoding="utf-8")), encoding="utf-8")
