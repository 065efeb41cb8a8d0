def test_x(trained):
    import json
    print(json.dumps(trained.manifest.model_dump(mode="json"), indent=1))
    print(sorted(p.name for p in trained.path.rglob("*")))
    print((trained.path/"README.md").read_text())
