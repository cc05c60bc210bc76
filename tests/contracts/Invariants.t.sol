// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {AnchorRegistry} from "../../contracts/AnchorRegistry.sol";
import {DepartmentRegistry} from "../../contracts/DepartmentRegistry.sol";
import {StatusRegistry} from "../../contracts/StatusRegistry.sol";
import {Role} from "../../contracts/interfaces/IDepartmentRegistry.sol";
import {Interval} from "../../contracts/lib/History.sol";
import {Handler} from "./support/Handler.sol";
import {vm} from "./support/Vm.sol";

struct FuzzSelector {
    address addr;
    bytes4[] selectors;
}

/// @notice What holds after any sequence of calls by anybody.
contract InvariantsTest {
    uint256 private constant MAX_DEPTH = 16;

    Handler private _handler;
    DepartmentRegistry private _departments;
    AnchorRegistry private _anchors;
    StatusRegistry private _status;

    function setUp() public {
        _handler = new Handler();
        (address departments, address anchors, address status) = _handler.registries();
        _departments = DepartmentRegistry(departments);
        _anchors = AnchorRegistry(anchors);
        _status = StatusRegistry(status);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(_handler), _selectors());
    }

    /// @dev Guards the invariants against holding because nothing ever happens.
    function test_theHandlersCallsGoThrough() public {
        bytes4[] memory all = _selectors();
        for (uint256 i = 0; i < 400; ++i) {
            bytes memory call_ = abi.encodePacked(all[i % all.length]);
            for (uint256 j = 0; j < 5; ++j) {
                call_ = bytes.concat(call_, bytes32(uint256(keccak256(abi.encode(i, j))) % 256));
            }
            (bool ok,) = address(_handler).call(call_);
            vm.assertTrue(ok, "the handler itself never reverts");
        }
        vm.assertTrue(_handler.done() > 50, "calls went through");
    }

    function _selectors() private pure returns (bytes4[] memory list) {
        bytes4[16] memory all = [
            Handler.admit.selector,
            Handler.grantRole.selector,
            Handler.withdrawRole.selector,
            Handler.grantKind.selector,
            Handler.withdrawKind.selector,
            Handler.registerKey.selector,
            Handler.withdrawKey.selector,
            Handler.compromiseKey.selector,
            Handler.suspend.selector,
            Handler.lift.selector,
            Handler.move.selector,
            Handler.merge.selector,
            Handler.anchor.selector,
            Handler.setStatus.selector,
            Handler.revoke.selector,
            Handler.mine.selector
        ];
        list = new bytes4[](all.length);
        for (uint256 i = 0; i < all.length; ++i) {
            list[i] = all[i];
        }
    }

    function invariant_onlyWhoMayChangesState() public view {
        vm.assertTrue(bytes(_handler.violation()).length == 0, _handler.violation());
    }

    function invariant_anchorsNeverChange() public view {
        vm.assertTrue(_handler.anchorsStand(), "an anchor changed");
    }

    function invariant_revocationsNeverReverse() public view {
        vm.assertTrue(_handler.revocationsStand(), "a revocation was undone");
    }

    function invariant_headsMatchTheLog() public view {
        _assertHead(address(_departments), _departments.head());
        _assertHead(address(_anchors), _anchors.head());
        _assertHead(address(_status), _status.head());
    }

    function invariant_theTreeIsTheModels() public view {
        for (uint256 i = 0; i < _handler.codeCount(); ++i) {
            bytes20 code = _handler.codeAt(i);
            vm.assertEq(
                _departments.departmentOf(code).parent, _handler.parentOf(code), "parent"
            );
            uint256 levels = 0;
            for (bytes20 at_ = code; at_ != 0; at_ = _departments.departmentOf(at_).parent) {
                ++levels;
                vm.assertTrue(levels <= MAX_DEPTH, "a cycle, or too deep");
            }
            _assertSpans(
                _departments.suspensionHistory(code), _handler.suspended(code), "suspension"
            );
        }
    }

    function invariant_authorityIsTheModels() public view {
        for (uint256 i = 0; i < _handler.codeCount(); ++i) {
            bytes20 code = _handler.codeAt(i);
            for (uint256 j = 0; j < _handler.accountCount(); ++j) {
                address account = _handler.accountAt(j);
                _assertRole(code, Role.Admin, account);
                _assertRole(code, Role.Anchor, account);
                _assertRole(code, Role.Status, account);
            }
        }
    }

    function invariant_kindsAndKeysAreTheModels() public view {
        for (uint256 i = 0; i < _handler.codeCount(); ++i) {
            bytes20 code = _handler.codeAt(i);
            for (uint256 j = 0; j < 2; ++j) {
                bytes32 kind = _handler.kindAt(j);
                bytes32 keyId = _handler.keyAt(j);
                _assertSpans(
                    _departments.kindHistory(code, kind), _handler.mayIssue(code, kind), "kind"
                );
                _assertSpans(
                    _departments.keyOf(code, keyId).intervals,
                    _handler.keyInForce(code, keyId),
                    "key"
                );
                vm.assertEq(
                    _departments.keyOf(code, keyId).compromisedSince,
                    _handler.keyCompromised(code, keyId),
                    "compromised since"
                );
            }
        }
    }

    function _assertHead(address registry, bytes32 head) private view {
        vm.assertEq(head, _handler.replayed(registry), "head");
    }

    function _assertRole(bytes20 code, Role role, address account) private view {
        bool may = _handler.mayHold(code, role, account);
        vm.assertTrue(_departments.authorised(code, role, account) == may, "authority");
        Interval[] memory list = _departments.roleHistory(code, role, account);
        _assertSpans(list, _handler.holds(code, role, account), "role");
    }

    /// @dev Spans are in order and apart; only the last may be open, and is iff it is in force.
    function _assertSpans(Interval[] memory list, bool inForce, string memory what) private view {
        for (uint256 i = 0; i < list.length; ++i) {
            bool last = i + 1 == list.length;
            vm.assertTrue(list[i].from != 0 && list[i].from <= block.number, what);
            vm.assertTrue(list[i].until == 0 ? last : list[i].from <= list[i].until, what);
            vm.assertTrue(last || list[i].until < list[i + 1].from, what);
        }
        bool isOpen = list.length != 0 && list[list.length - 1].until == 0;
        vm.assertTrue(isOpen == inForce, what);
    }
}
