import operators


def test_the_operators_that_onnx_tests_itself_with():
    count, differing = operators.run()
    print(f"\n{count} operator tests, each over JSON and binary; {len(differing)} answers differ")
    assert count > 1400
    for form in ("JSON", "binary"):
        wrong = [(name, why) for (name, f), why in differing.items() if f == form]
        assert len(wrong) <= 0.005 * count, wrong[:20]
