// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {ICouncilDelayed} from "../../contracts/interfaces/ICouncilDelayed.sol";
import {IHashChained} from "../../contracts/interfaces/IHashChained.sol";
import {Role} from "../../contracts/interfaces/IDepartmentRegistry.sol";
import {Fixture} from "./support/Fixture.sol";
import {vm} from "./support/Vm.sol";

/// @notice A closed registry: each function that worked before is refused, what is stored stays.
contract ClosingTest is Fixture {
    address private immutable _next = address(0xBEEF);

    function test_anOpenRegistryHasNoSuccessor() public view {
        vm.assertEq(departments.successor(), address(0), "successor");
        vm.assertEq(departments.closedAt(), 0, "closed at");
    }

    function test_theClosingIsRecorded() public {
        vm.prank(council);
        anchors.close(_next);
        vm.assertEq(anchors.successor(), _next, "successor");
        vm.assertEq(anchors.closedAt(), block.number, "closed at");
    }

    function test_aSuccessorMustBeNamed() public {
        _refuse(ICouncilDelayed.ZeroAccount.selector);
        vm.prank(council);
        anchors.close(address(0));
    }

    function test_aRegistryIsClosedOnce() public {
        vm.startPrank(council);
        anchors.close(_next);
        _refuseClosed();
        anchors.close(outsider);
        vm.stopPrank();
    }

    function test_theHeadOutlivesTheClosing() public {
        bytes32 before = anchors.head();
        vm.prank(council);
        anchors.close(_next);
        bytes32 topic = bytes32(uint256(uint160(_next)));
        bytes32 expected = keccak256(
            abi.encodePacked(before, block.number, ICouncilDelayed.Closed.selector, topic)
        );
        vm.assertEq(anchors.head(), expected, "the closing is the last event");
        vm.assertEq(vm.load(address(anchors), 0), 0, "head slot of a closed contract");
        vm.assertEq(vm.load(address(anchors), bytes32(uint256(1))), expected, "final head slot");
    }

    function test_anchorsEnd() public {
        vm.prank(anchorer);
        anchors.anchor(CITY, X, 1);
        vm.prank(council);
        anchors.close(_next);
        (, uint64 number, uint32 size) = anchors.anchorOf(CITY, X);
        vm.assertEq(number, block.number, "an anchor stays");
        vm.assertEq(size, 1, "its size too");
        bytes32[] memory roots = _kinds(Y);
        uint32[] memory sizes = _indices(1);
        vm.startPrank(anchorer);
        _refuseClosed();
        anchors.anchor(CITY, Y, 1);
        _refuseClosed();
        anchors.anchorMany(CITY, roots, sizes);
        vm.stopPrank();
    }

    function test_statusesEnd() public {
        vm.prank(statusOfficer);
        status.setStatus(CITY, CITY, 0, _indices(7), 1);
        vm.prank(council);
        status.close(_next);
        vm.assertEq(status.statusOf(CITY, 0, 7), 1, "a status stays");
        uint32[] memory indices = _indices(8);
        vm.startPrank(statusOfficer);
        _refuseClosed();
        status.setStatus(CITY, CITY, 0, indices, 1);
        _refuseClosed();
        status.revokeDigest(CITY, CITY, X);
        _refuseClosed();
        status.revokeRoot(CITY, CITY, X);
        vm.stopPrank();
    }

    function test_departmentsEnd() public {
        vm.prank(cityAdmin);
        departments.registerKey(CITY, KEY, 1, X, Y);
        vm.startPrank(council);
        departments.proposeCouncil(outsider);
        departments.suspend(NONE, OTHER_CITY);
        _mine();
        departments.close(_next);
        _refuseClosed();
        departments.suspend(NONE, CITY);
        _refuseClosed();
        departments.lift(NONE, OTHER_CITY);
        _refuseClosed();
        departments.proposeCouncil(anchorer);
        _refuseClosed();
        departments.grantKind(NONE, PROVINCE, OTHER_KIND);
        vm.stopPrank();
        _refuseClosed();
        vm.prank(outsider);
        departments.acceptCouncil();
        _departmentsRefuse(provinceAdmin);
    }

    function _departmentsRefuse(address caller) private {
        bytes32[] memory kinds = _kinds(KIND);
        vm.startPrank(caller);
        _refuseClosed();
        departments.admit(PROVINCE, STRANGER, SORT, "", kinds, caller);
        _refuseClosed();
        departments.withdrawKind(PROVINCE, CITY, KIND);
        _refuseClosed();
        departments.grantRole(PROVINCE, CITY, Role.Status, caller);
        _refuseClosed();
        departments.withdrawRole(PROVINCE, CITY, Role.Anchor, anchorer);
        _refuseClosed();
        departments.withdrawKey(PROVINCE, CITY, KEY);
        _refuseClosed();
        departments.compromiseKey(PROVINCE, CITY, KEY, 1);
        _refuseClosed();
        departments.registerKey(PROVINCE, KEY, 1, X, Y);
        _refuseClosed();
        departments.move(PROVINCE, COUNTY, OTHER_CITY);
        _refuseClosed();
        departments.merge(PROVINCE, CITY, OTHER_CITY);
        vm.stopPrank();
    }

    function _refuseClosed() private {
        vm.expectRevert(abi.encodeWithSelector(ICouncilDelayed.IsClosed.selector, _next));
    }
}
