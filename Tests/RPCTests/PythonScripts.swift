/// An independent implementation's view of the echo service: a client, and a server.
enum PythonScripts {
    /// Arguments: address, then CA file, key file and certificate file, or nothing for plain text.
    static let client = #"""
        import sys, threading, grpc

        address, files = sys.argv[1], sys.argv[2:]
        read = lambda path: open(path, "rb").read()
        if files:
            pair = (read(files[1]), read(files[2])) if len(files) > 1 else (None, None)
            channel = grpc.secure_channel(
                address, grpc.ssl_channel_credentials(read(files[0]), *pair))
        else:
            channel = grpc.insecure_channel(address)

        def expect(is_true, what):
            if not is_true:
                sys.exit("failed: " + what)

        def failure(call):
            try:
                call()
            except grpc.RpcError as error:
                return error
            sys.exit("failed: no error")

        echo = channel.unary_unary("/test.Echo/Unary")
        for size in [0, 1, 5, 16384, 70000, 3000000]:
            message = bytes(i & 255 for i in range(size))
            expect(echo(message, timeout=20) == message, "echo of %d bytes" % size)

        reply, call = echo.with_call(
            b"x", metadata=[("echo", "a b"), ("echo-bin", b"\x00\x01\xff")], timeout=20)
        trailers = dict(call.trailing_metadata())
        expect(trailers["echo"] == "a b", "text metadata")
        expect(trailers["echo-bin"] == b"\x00\x01\xff", "binary metadata")

        futures = [echo.future(b"%d" % n, timeout=20) for n in range(500)]
        expect([f.result() for f in futures] == [b"%d" % n for n in range(500)], "500 at once")

        error = failure(lambda: channel.unary_unary("/test.Echo/Fail")(b"", timeout=20))
        expect(error.code() == grpc.StatusCode.ABORTED, "code")
        expect(error.details() == "v\u00e4ry %bad\n", "details")
        expect(dict(error.trailing_metadata())["retry"] == "no", "trailers of an error")
        error = failure(lambda: channel.unary_unary("/no.Such/Method")(b"", timeout=20))
        expect(error.code() == grpc.StatusCode.UNIMPLEMENTED, "unimplemented")
        error = failure(lambda: channel.unary_unary("/test.Echo/Hold")(b"", timeout=0.2))
        expect(error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, "deadline")
        error = failure(lambda: echo(bytes(5000000), timeout=20))
        expect(error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, "too long")

        counted = channel.unary_stream("/test.Echo/Count")(b"\xc8", timeout=20)
        expect(list(counted) == [bytes([n]) for n in range(200)], "server streaming")
        expect(dict(counted.trailing_metadata())["counted"] == "yes", "trailers of a stream")

        flood = channel.unary_stream("/test.Echo/Flood")(b"", timeout=20)
        expect([len(next(flood)) for _ in range(300)] == [10000] * 300, "flood")
        flood.cancel()

        messages = [bytes(n * 1000) for n in range(100)]
        for method in ["Chat", "Push"]:
            chat = channel.stream_stream("/test.Echo/" + method)(iter(messages), timeout=20)
            expect(list(chat) == messages, method)
        total = channel.stream_unary("/test.Echo/Sum")(iter(messages), timeout=20)
        expect(total == b"4950000", "client streaming")
        expect(channel.unary_unary("/grpc.health.v1.Health/Check")(b"") == b"\x08\x01", "health")
        print("all well")
        """#

    /// Prints its port, then serves until its input ends.
    static let server = #"""
        import sys, grpc
        from concurrent import futures

        class Echo(grpc.GenericRpcHandler):
            def service(self, details):
                handlers = {
                    "/test.Echo/Unary": grpc.unary_unary_rpc_method_handler(self.unary),
                    "/test.Echo/Fail": grpc.unary_unary_rpc_method_handler(self.fail),
                    "/test.Echo/Count": grpc.unary_stream_rpc_method_handler(self.count),
                    "/test.Echo/Chat": grpc.stream_stream_rpc_method_handler(self.chat),
                }
                return handlers.get(details.method)

            def unary(self, message, context):
                context.set_trailing_metadata(
                    [(k, v) for k, v in context.invocation_metadata() if k.startswith("echo")])
                return message

            def fail(self, message, context):
                context.set_trailing_metadata([("retry", "no")])
                context.abort(grpc.StatusCode.ABORTED, "v\u00e4ry %bad\n")

            def count(self, message, context):
                for n in range(message[0]):
                    yield bytes([n])

            def chat(self, messages, context):
                yield from messages

        server = grpc.server(futures.ThreadPoolExecutor(8))
        server.add_generic_rpc_handlers((Echo(),))
        print(server.add_insecure_port("127.0.0.1:0"), flush=True)
        server.start()
        sys.stdin.read()
        server.stop(0)
        """#
}
