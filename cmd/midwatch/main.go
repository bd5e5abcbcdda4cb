// Command midwatch is the operations console for the engineer on call.
package main

func main() {}
