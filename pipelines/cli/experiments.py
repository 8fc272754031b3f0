"""The verb that helps to write an experiment: schema."""

import typer

app = typer.Typer()


@app.command()
def schema() -> None:
    """Print the JSON Schema of an experiment's file, for editors.

    Store it beside your experiments as experiment.schema.json; the first line of each names it:
    # yaml-language-server: $schema=experiment.schema.json
    """
    from pipelines.config.json_schema import schema_text

    typer.echo(schema_text())
