package websocket_test

func holdClients(addr, number string) {}
