// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {HashChained} from "../../contracts/lib/HashChained.sol";
import {Fixture} from "./support/Fixture.sol";
import {Replay} from "./support/Replay.sol";
import {Vm, vm} from "./support/Vm.sol";

contract HashChainedHarness is HashChained {
    error Sealed();

    function log(bytes32[] calldata topics, bytes calldata data) external {
        if (topics.length == 2) _log(topics[0], topics[1], data);
        else if (topics.length == 3) _log(topics[0], topics[1], topics[2], data);
        else _log(topics[0], topics[1], topics[2], topics[3], data);
    }

    function seal() external {
        _seal();
    }

    function _refuse() internal pure override {
        revert Sealed();
    }
}

/// @notice Heads against the vectors that the other implementations are tested with, and against a
/// replay of the registries' logs.
contract HeadsTest is Fixture, Replay {
    string private constant VECTORS = "./tests/vectors/heads.json";

    HashChainedHarness private _chained;

    function setUp() public override {
        _chained = new HashChainedHarness();
        vm.recordLogs();
    }

    function test_itStartsWithTheChainAndTheContract() public view {
        bytes32 start = keccak256(abi.encode(block.chainid, address(_chained)));
        vm.assertEq(_chained.head(), start, "start");
    }

    function test_theVectorsHold() public {
        string memory json = vm.readFile(VECTORS);
        uint256 chain = vm.parseJsonUint(json, ".chainId");
        address emitter = vm.parseJsonAddress(json, ".contract");
        bytes32 start = vm.parseJsonBytes32(json, ".start");
        vm.assertEq(start, keccak256(abi.encode(chain, emitter)), "start");
        vm.store(address(_chained), 0, start);
        uint256 count = vm.parseJsonUint(json, ".count");
        for (uint256 i = 0; i < count; ++i) {
            string memory at_ = string.concat(".events[", vm.toString(i), "]");
            vm.roll(vm.parseJsonUint(json, string.concat(at_, ".block")));
            _chained.log(
                vm.parseJsonBytes32Array(json, string.concat(at_, ".topics")),
                vm.parseJsonBytes(json, string.concat(at_, ".data"))
            );
            bytes32 expected = vm.parseJsonBytes32(json, string.concat(at_, ".head"));
            vm.assertEq(_chained.head(), expected, at_);
        }
    }

    function testFuzz_whatIsHashedIsWhatIsLogged(bytes32[4] calldata given, bytes calldata data)
        public
    {
        for (uint256 count = 2; count <= 4; ++count) {
            bytes32[] memory topics = new bytes32[](count);
            bytes memory entry = abi.encodePacked(_chained.head(), block.number);
            for (uint256 i = 0; i < count; ++i) {
                topics[i] = given[i];
                entry = bytes.concat(entry, given[i]);
            }
            _chained.log(topics, data);
            vm.assertEq(_chained.head(), keccak256(bytes.concat(entry, data)), "the head");
            Vm.Log[] memory logs = vm.getRecordedLogs();
            vm.assertEq(logs.length, 1, "entries");
            bytes32 logged = keccak256(abi.encode(logs[0].topics, logs[0].data));
            vm.assertEq(logged, keccak256(abi.encode(topics, data)), "the entry");
        }
    }

    function test_aSealedChainLogsNothing() public {
        bytes32[] memory topics = new bytes32[](2);
        _chained.log(topics, "last");
        bytes32 last = _chained.head();
        _chained.seal();
        vm.assertEq(_chained.head(), last, "the head stays");
        _refuse(HashChainedHarness.Sealed.selector);
        _chained.log(topics, "");
    }

    function test_aReplayGivesTheHeads() public {
        vm.getRecordedLogs();
        _deploy(0);
        _startReplay(address(departments));
        _startReplay(address(anchors));
        _startReplay(address(status));
        _replay();
        _admit(council, NONE, CITY, cityAdmin);
        _replay();
        _mine();
        vm.startPrank(cityAdmin);
        departments.registerKey(CITY, KEY, 1, X, Y);
        departments.compromiseKey(CITY, CITY, KEY, 1);
        vm.stopPrank();
        vm.startPrank(council);
        departments.suspend(NONE, CITY);
        departments.proposeCouncil(outsider);
        status.setStatus(NONE, CITY, 0, _indices(1), 1);
        anchors.close(outsider);
        vm.stopPrank();
        _replay();
        vm.assertEq(departments.head(), _replayed[address(departments)], "departments");
        vm.assertEq(anchors.head(), _replayed[address(anchors)], "anchors");
        vm.assertEq(status.head(), _replayed[address(status)], "statuses");
    }
}
