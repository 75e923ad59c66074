"""The contract as other languages get it: names that stay, and what makes code of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from evenhand.v1 import assignment_service_pb2, contact_pb2, decision_pb2, roster_service_pb2, rules_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet, FileOptions
from google.rpc import status_pb2
from grpc_health.v1 import health_pb2
from ruamel.yaml import YAML

from tests.support import wants

PROTOS = Path(__file__).parents[2] / "protos"
THIRD_PARTY = PROTOS / "third_party"
INSTALLED = Path(status_pb2.__file__).parents[2]
BUF = Path(sys.executable).with_name("buf")
PLUGINS = {"grpc/java": "grpc_java_plugin", "protocolbuffers/go": "protoc-gen-go"}
MADE = {"java": "com/evenhand/v1/Contact.java", "csharp": "Contact.cs", "php": "Evenhand/V1/Contact.php"}
MADE |= {"ruby": "evenhand/v1/contact_pb.rb", "go": "evenhand/v1/contact.pb.go"}


@pytest.mark.parametrize(
    ("file", "java"),
    [
        (assignment_service_pb2, "AssignmentServiceProto"),
        (contact_pb2, "ContactProto"),
        (decision_pb2, "DecisionProto"),
        (roster_service_pb2, "RosterServiceProto"),
        (rules_pb2, "RulesProto"),
    ],
)
def test_names_in_other_languages_stay(file, java):
    """Packages and classes are called as they were when they were first named: callers import them by these names."""
    assert file.DESCRIPTOR.GetOptions() == FileOptions(
        csharp_namespace="Evenhand.V1",
        go_package="evenhand/v1;evenhandv1",
        java_multiple_files=True,
        java_outer_classname=java,
        java_package="com.evenhand.v1",
        objc_class_prefix="EVH",
        php_metadata_namespace="Evenhand\\V1\\Metadata",
        php_namespace="Evenhand\\V1",
        ruby_package="Evenhand::V1",
    )


@pytest.mark.parametrize("name", ["google/rpc/status.proto", "google/rpc/error_details.proto"])
def test_what_the_contract_imports_is_the_original(name):
    """What lies under protos/third_party is, to the letter, what googleapis-common-protos has: copy it anew if not."""
    assert (THIRD_PARTY / name).read_text() == (INSTALLED / name).read_text()


def test_the_health_service_is_the_standard_one(tmp_path):
    """The copy of health.proto has the messages and methods that the service answers with."""
    described = tmp_path / "health.binpb"
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{THIRD_PARTY}", f"--descriptor_set_out={described}"]
    subprocess.run([*command, "grpc/health/v1/health.proto"], check=True)
    (ours,) = FileDescriptorSet.FromString(described.read_bytes()).file
    theirs = FileDescriptorProto()
    health_pb2.DESCRIPTOR.CopyToProto(theirs)
    assert ours.package == theirs.package == "grpc.health.v1"
    assert shape(ours) == shape(theirs)


def shape(file: FileDescriptorProto) -> dict[str, object]:
    """What goes over the wire: each method and each field, in whatever order they are written."""
    methods = {
        f"{service.name}/{method.name}": (method.input_type, method.output_type, method.server_streaming)
        for service in file.service
        for method in service.method
    }
    fields = {
        f"{message.name}.{field.name}": (field.number, field.label, field.type, field.type_name)
        for message in file.message_type
        for field in message.field
    }
    return methods | fields


def test_every_file_is_among_those_whose_names_are_held():
    """A new file of the contract needs a line in the test above."""
    files = {path.stem for path in (PROTOS / "evenhand" / "v1").glob("*.proto")}
    assert files == {"assignment_service", "contact", "decision", "roster_service", "rules"}


def test_plain_protoc_needs_two_folders_of_ours(tmp_path):
    """Protoc as it is installed anywhere compiles the contract with `-I protos -I protos/third_party`."""
    protoc = [shutil.which("protoc")] if shutil.which("protoc") else [sys.executable, "-m", "grpc_tools.protoc"]
    sources = sorted(str(path) for path in (PROTOS / "evenhand" / "v1").glob("*.proto"))
    command = [*protoc, "-I", PROTOS, "-I", THIRD_PARTY, f"--python_out={tmp_path}", *sources]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "evenhand/v1/contact_pb2.py").exists()


def test_buf_generates_what_its_template_says(tmp_path):
    """`buf generate` needs no registry for what the contract imports, and makes code for each language at its place.

    The template names remote plugins; in their place come those of this machine, as the test has no registry to ask.
    """
    if shutil.which("protoc") is None:
        pytest.skip(wants.reason("no protoc here: it has the plugins for most languages", wants.PROTOC))
    template = YAML(typ="safe").load((PROTOS / "buf.gen.yaml").read_text())
    plugins = [local for plugin in template["plugins"] if (local := here(plugin))]
    languages = {Path(plugin["out"]).name for plugin in plugins}
    assert languages >= {"java", "csharp", "php", "ruby"}
    local = tmp_path / "buf.gen.yaml"
    with local.open("w") as file:
        YAML(typ="safe").dump(template | {"plugins": plugins}, file)
    done = subprocess.run(
        [BUF, "generate", "--template", local, "-o", tmp_path],
        cwd=PROTOS, env={**os.environ, "BUF_CACHE_DIR": str(tmp_path / "cache")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for language in languages:
        assert (tmp_path / "gen" / language / MADE[language]).exists(), language
    assert not list((tmp_path / "gen").rglob("*ErrorDetails*")), "what others publish is not made again"


def here(plugin: dict[str, str]) -> dict[str, str] | None:
    """A plugin of the template as this machine has it; None if it has not."""
    name = plugin["remote"].removeprefix("buf.build/")
    rest = {key: value for key, value in plugin.items() if key != "remote"}
    program = shutil.which(PLUGINS.get(name, ""))
    if program:
        return {"local": program, **rest}
    owner, language = name.split("/")
    built_in = owner == "protocolbuffers" and name not in PLUGINS
    return {"protoc_builtin": language, **rest} if built_in else None
