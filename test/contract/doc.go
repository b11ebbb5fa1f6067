// Package contract holds one suite per port. A suite turns every line of its
// port's comment into an assertion; an adapter brings a harness, which makes
// fresh instances and declares what its technology can do, and is done when the
// suite is green. An adapter that passes is evidence about that adapter; a mock
// would be an opinion about it.
package contract
