rule restore_archive:
    input:
        archive=ancient(ARCHIVE),
    output:
        files=archived.files,
        folders=[directory(folder) for folder in archived.folders],
    log:
        "results/logs/restore_archive.log",
    benchmark:
        "results/benchmarks/restore_archive.tsv"
    conda:
        "../envs/download.yaml"
    resources:
        **growing(mem_mb=1000, runtime=30),
    params:
        code=code_digest("restore_archive"),
    message:
        "Restoring what figures, tables and claims are made from"
    script:
        "../workflow/scripts/restore_archive.py"
