"""Reads the metadata of a compose as its readers do, and compares it with the files.

Prints one line for each thing that is wrong, and at the end what it has read. The
folder of the compose is the only argument.
"""

import configparser
import hashlib
import json
import os
import re
import sys

TOP = sys.argv[1]
COMPOSE = os.path.join(TOP, "compose")
VERSION = re.compile(r"^(\d+(\.\d+)*|[A-Za-z].*)$")
NEVRA = re.compile(r"^[^/ ]+-\d+:[^-:]+-[^-]+\.([^.]+)$")
read = {}


def wrong(*words):
    print("wrong:", *words)


def want(condition, *words):
    if not condition:
        wrong(*words)


def is_there(what, path, directory=None):
    full = os.path.join(COMPOSE, path)
    want(not path.startswith("/") and ".." not in path.split("/"), what, path, "is not relative")
    want(os.path.exists(full), what, path, "does not exist")
    if directory is not None:
        want(os.path.isdir(full) == directory, what, path, "is of another kind")


def count(what):
    read[what] = read.get(what, 0) + 1


def checksum(algorithm, path):
    with open(path, "rb") as f:
        return hashlib.new(algorithm, f.read()).hexdigest()


def document(name, kind, key):
    """Returns the part of a document of productmd that is its own, None without it."""
    path = os.path.join(COMPOSE, "metadata", name)
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as f:
        text = f.read()
    data = json.loads(text)
    again = json.dumps(data, indent=4, sort_keys=True, separators=(",", ": "))
    want(text == again, name, "is not written as productmd does")
    want(data["header"] == {"type": "productmd." + kind, "version": "1.2"}, name, data["header"])
    compose = data["payload"]["compose"]
    with open(os.path.join(TOP, "COMPOSE_ID"), encoding="utf-8") as f:
        want(f.read() == compose["id"], name, "is of", compose["id"])
    want(re.match(r"^\d{8}$", compose["date"]) and compose["date"] in compose["id"], name, "date", compose["date"])
    want(isinstance(compose["respin"], int), name, "respin", compose["respin"])
    want(compose["type"] in ["production", "nightly", "test", "ci", "development"], name, "type", compose["type"])
    read[name] = 1
    return data["payload"] if kind == "composeinfo" else data["payload"][key]


def release(what, data, layered):
    want(VERSION.match(data["version"]), what, "version", data["version"])
    want(data["name"].strip(), what, "has no name")
    want(data.get("is_layered", False) == layered, what, "is_layered")


def composeinfo():
    info = document("composeinfo.json", "composeinfo", None)
    release("release", info["release"], "base_product" in info)
    if "base_product" in info:
        want(VERSION.match(info["base_product"]["version"]), "base product", info["base_product"])
    want(("label" in info["compose"]) == ("final" in info["compose"]), "label and final", info["compose"])
    variants = info["variants"]
    for uid, v in variants.items():
        want(v["uid"] == uid and re.match(r"^[A-Za-z0-9]+$", v["id"]), "variant", uid, v["id"])
        want(v["arches"] == sorted(v["arches"]) and v["arches"], "arches of", uid)
        want((v["type"] == "layered-product") == ("release" in v), "release of", uid)
        if "release" in v:
            release("release of " + uid, v["release"], True)
        for child in v.get("variants", []):
            c = variants.get(uid + "-" + child)
            want(c is not None and c["id"] == child and set(c["arches"]) <= set(v["arches"]), "child", child, "of", uid)
        for field, paths in v["paths"].items():
            want(set(paths) <= set(v["arches"]), field, "of", uid, "has arches", list(paths))
            for path in paths.values():
                is_there(field + " of " + uid, path, directory=True)
                count("paths")
    return variants


def rpms(variants):
    seen = set()
    for uid, arches in document("rpms.json", "rpms", "rpms").items():
        for arch, sources in arches.items():
            want(arch in variants[uid]["arches"], "rpms.json has arch", arch, "in", uid)
            for source, packages in sources.items():
                want(NEVRA.match(source).group(1) in ["src", "nosrc"], "source", source)
                for nevra, p in packages.items():
                    is_source = NEVRA.match(nevra).group(1) in ["src", "nosrc"]
                    want(is_source == (p["category"] == "source"), nevra, p["category"])
                    want(p["sigkey"] is None or re.match("^[0-9a-f]+$", p["sigkey"]), nevra, p["sigkey"])
                    is_there(nevra, p["path"], directory=False)
                    seen.add(p["path"])
                    count("rpms")
    for top, _, files in os.walk(COMPOSE):
        for name in files:
            path = os.path.relpath(os.path.join(top, name), COMPOSE)
            want(not name.endswith(".rpm") or path in seen, path, "is not in rpms.json")


def images(variants):
    identities = {}
    for uid, arches in (document("images.json", "images", "images") or {}).items():
        for arch, entries in arches.items():
            want(arch in variants[uid]["arches"], "images.json has arch", arch, "in", uid)
            want([i["path"] for i in entries] == sorted(i["path"] for i in entries), "order of images in", uid, arch)
            for i in entries:
                is_there("image", i["path"], directory=False)
                path = os.path.join(COMPOSE, i["path"])
                want(os.path.getsize(path) == i["size"], path, "has another size")
                want(i["checksums"], path, "has no checksums")
                for algorithm, digest in i["checksums"].items():
                    want(checksum(algorithm, path) == digest, path, "has another", algorithm)
                want(i["arch"] in [arch, "src"], path, "arch", i["arch"])
                want(1 <= i["disc_number"] <= i["disc_count"], path, "disc", i["disc_number"])
                want(i["implant_md5"] is None or len(i["implant_md5"]) == 32, path, "md5", i["implant_md5"])
                want(isinstance(i["mtime"], int) and isinstance(i["bootable"], bool), path, "types")
                same = [i[key] for key in ["subvariant", "type", "format", "arch", "disc_number"]]
                same += [i.get("unified", False), i.get("additional_variants", [])]
                want(identities.setdefault(repr(same), i["checksums"]) == i["checksums"], path, "is like another image")
                count("images")


def extra_files():
    found = set()
    for top, _, files in os.walk(COMPOSE):
        if "extra_files.json" not in files or top.endswith("/metadata"):
            continue
        with open(os.path.join(top, "extra_files.json"), encoding="utf-8") as f:
            data = json.load(f)
        want(data["header"] == {"version": "1.0"}, top, data["header"])
        for entry in data["data"]:
            path = os.path.join(top, entry["file"])
            want(os.path.getsize(path) == entry["size"], path, "has another size")
            for algorithm, digest in entry["checksums"].items():
                want(checksum(algorithm, path) == digest, path, "has another", algorithm)
            found.add((os.path.relpath(path, COMPOSE), json.dumps(entry["checksums"])))
            count("extra files")
    listed = set()
    for arches in (document("extra_files.json", "extra_files", "extra_files") or {}).values():
        for files in arches.values():
            listed |= {(f["file"], json.dumps(f["checksums"])) for f in files}
    want(found == listed, "extra_files.json of the compose and of its trees differ in", sorted(found ^ listed))


def modules(variants):
    packages = document("rpms.json", "rpms", "rpms")
    for uid, arches in document("modules.json", "modules", "modules").items():
        for arch, streams in arches.items():
            want(arch in variants[uid]["arches"], "modules.json has arch", arch, "in", uid)
            shipped = {nevra for source in packages.get(uid, {}).get(arch, {}).values() for nevra in source}
            for nsvc, module in streams.items():
                parts = module["metadata"]
                name = ":".join(parts[key] for key in ["name", "stream", "version", "context"])
                want(nsvc == name == parts["uid"] and parts["koji_tag"], "module", nsvc, parts)
                for path in module["modulemd_path"].values():
                    is_there("modulemd of " + nsvc, path, directory=False)
                want(set(module["rpms"]) <= shipped, nsvc, "has", sorted(set(module["rpms"]) - shipped))
                count("modules")


def treeinfo(tree):
    """Reads .treeinfo as productmd and Anaconda do: both by way of ConfigParser."""
    path = os.path.join(COMPOSE, tree, ".treeinfo")
    info = configparser.ConfigParser()  # with interpolation: "%" is no letter like others
    info.optionxform = str
    info.read(path, encoding="utf-8")
    want(info["header"]["type"] == "productmd.treeinfo" and info["header"]["version"] == "1.2", path, "header")
    layered = info.getboolean("release", "is_layered", fallback=False)
    want(layered == info.has_section("base_product"), path, "is_layered")
    for section in ["release", "base_product"] if layered else ["release"]:
        want(set(info[section]) >= {"name", "short", "version"} and VERSION.match(info[section]["version"]), path, section)
    general = info["general"]
    want(general["family"] == info["release"]["name"] and general["version"] == info["release"]["version"], path, "general")
    want(general["name"] == general["family"] + " " + general["version"], path, "name", general["name"])
    want(general["arch"] == info["tree"]["arch"] and general["arch"] in info["tree"]["platforms"].split(","), path, "arch")
    want(info.getint("tree", "build_timestamp") == info.getint("general", "timestamp") > 0, path, "timestamp")
    for uid in info["tree"]["variants"].split(","):
        variant = info["variant-" + uid]
        addons = [info["addon-" + a] for a in variant.get("addons", "").split(",") if a]
        for section in [variant] + addons:
            for key in ["id", "uid", "name", "type"]:
                want(section[key], path, section.name, key)
            want(section["type"] == "addon" or "parent" not in section, path, section.name, "parent")
            is_there(path, os.path.join(tree, section["repository"], "repodata/repomd.xml"), directory=False)
            name = os.path.normpath(os.path.join(section["repository"], "repodata/repomd.xml"))
            want(name in info["checksums"], path, "has no checksum of", name)
    for name, value in info["checksums"].items():
        algorithm, digest = value.split(":")
        want(checksum(algorithm, os.path.join(COMPOSE, tree, name)) == digest, path, "has another checksum of", name)
    count("trees")
    return info


def discinfo(tree, info):
    """Reads .discinfo and media.repo, which know each other by the time."""
    with open(os.path.join(COMPOSE, tree, ".discinfo"), encoding="utf-8") as f:
        time, description, arch, discs = f.read().splitlines()
    want(float(time) == info.getint("tree", "build_timestamp"), tree, "times", time)
    want(arch == info["tree"]["arch"] and discs == "ALL" and description, tree, "discinfo", arch, discs)
    media = configparser.RawConfigParser()
    media.read(os.path.join(COMPOSE, tree, "media.repo"), encoding="utf-8")
    want(media["InstallMedia"]["mediaid"] == time, tree, "mediaid")
    want(media["InstallMedia"]["name"] == description, tree, "name of media.repo")


def main():
    variants = composeinfo()
    rpms(variants)
    images(variants)
    modules(variants)
    extra_files()
    for v in variants.values():
        for field in ["os_tree", "source_tree"]:
            for tree in sorted(set(v["paths"].get(field, {}).values())):
                if v["type"] != "addon" and os.path.exists(os.path.join(COMPOSE, tree, ".treeinfo")):
                    discinfo(tree, treeinfo(tree))
    print(", ".join("%s %d" % pair for pair in sorted(read.items())))


main()
