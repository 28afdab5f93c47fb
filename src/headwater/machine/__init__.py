"""The machine: Java, jars, the driver's JVM, the Spark session; knows nothing of pipelines."""
