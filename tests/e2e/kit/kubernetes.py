"""What of a manifest is not as the models of Kubernetes' API (python3-kubernetes) say."""

import re

NEWER = {("V1Container", "restartPolicy")}  # than Debian 12's python3-kubernetes


def complaints(models, kind, value, where):
    """What of value is not as the API's model of that kind says."""
    inner = re.fullmatch(r"(?:list\[(.+)\]|dict\(str, (.+)\))", kind)
    if inner and inner[1]:
        listed = value if isinstance(value, list) else []
        return ([] if isinstance(value, list) else [f"{where}: no list"]) + [
            c for i, one in enumerate(listed) for c in complaints(models, inner[1], one, f"{where}[{i}]")]
    if inner:
        return [c for key, one in value.items() for c in complaints(models, inner[2], one, f"{where}.{key}")]
    if hasattr(models, kind):
        return complaints_of_model(models, kind, value, where)
    right = {"str": str, "int": int, "bool": bool, "object": (str, int)}[kind]
    return [] if isinstance(value, right) and (kind == "bool" or not isinstance(value, bool)) else [f"{where}: {value!r} is no {kind}"]


def complaints_of_model(models, kind, value, where):
    model = getattr(models, kind)
    names = {json: python for python, json in model.attribute_map.items()}
    found = [f"{where}.{key}: unknown" for key in value if key not in names and (kind, key) not in NEWER]
    try:
        model(**{names[key]: one for key, one in value.items() if key in names})  # what is required is there
    except ValueError as e:
        found.append(f"{where}: {e}")
    return found + [c for key, one in value.items() if key in names
                    for c in complaints(models, model.openapi_types[names[key]], one, f"{where}.{key}")]
