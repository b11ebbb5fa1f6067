// Package suspend stops the threads of a process for a while and continues them. Its connections
// stay open meanwhile, without answers: as in a virtual machine that is moved, or a debugger.
package suspend
